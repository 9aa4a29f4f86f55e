"""The front door: argv in, text out. The only room that knows Typer and rich."""
