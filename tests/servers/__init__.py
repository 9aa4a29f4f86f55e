"""The real servers that the tests run against: started when a test asks, gone when the run ends."""
