"""The tests; everything that they run against is real and starts with them."""
