"""What a change means beyond its fields, from the recorded objects and from what the cluster holds around them."""
