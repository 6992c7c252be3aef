"""Kafka's clients: their properties and the topics. Imported by the bridge and by administrative commands only."""
