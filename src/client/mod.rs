//! The gRPC client: endpoints, channels, retries. Prints nothing.
