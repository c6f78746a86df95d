//! What the gateway asks of its allocator beyond memory. The only unsafe code of the workspace.

/// Gives back to the system what the calling thread has freed, and what other threads have freed of it.
///
/// mimalloc does so by itself while a thread allocates. An idle thread keeps what it has.
#[expect(unsafe_code, reason = "mimalloc has no safe function for it")]
pub fn give_back() {
    // SAFETY: the function takes no pointer, and works on the heap of the calling thread alone.
    unsafe { libmimalloc_sys::mi_collect(false) }
}
