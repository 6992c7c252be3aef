"""The bridge: requests in from Kafka, results and dead letters out."""
