"""What people send and press: events become rows, questions about how things are get answers."""
