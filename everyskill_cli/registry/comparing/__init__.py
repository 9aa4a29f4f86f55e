"""How two skills differ, wherever each of them is: files, fields, text."""
