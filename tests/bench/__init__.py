"""What each verb costs: requests, connections, bytes, time, memory; compared with the figures kept here."""
