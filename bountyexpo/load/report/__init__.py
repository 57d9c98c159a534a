"""What a load run found: counts, histograms, and how they are shown."""
