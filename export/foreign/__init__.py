"""Models that others made: inspected, wrapped into the form of this program, and compared with what they were."""
