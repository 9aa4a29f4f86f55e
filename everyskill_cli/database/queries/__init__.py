"""Every statement that runs against the records: values in, dataclasses out, one module a noun."""
