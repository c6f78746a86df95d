//! TLS is rustls with ring, for whoever makes connections.

/// Has this process use ring. It can be done again: the first time counts.
pub fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
