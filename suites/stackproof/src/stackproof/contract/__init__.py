"""What a Compose file declares, and which cases follow from it; starts nothing."""
