"""Reading: hand a drawing to the asynchronous endpoint, take its answer, keep the result."""
