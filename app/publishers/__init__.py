"""Who is told of events: one file for each kind of receiver, and what they need."""
