//! Work that blocks, such as on a disk, beside the runtime's threads.

/// Does it on a thread where it may block. What it was about to do when the caller is dropped may
/// still happen, or not.
///
/// # Errors
/// It panicked, or the process ends.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    #[cfg(feature = "faults")]
    if let Some(network) = crate::simulation::network() {
        // At one instant of simulated time: whoever dies before it has written nothing.
        let never = tokio_util::sync::CancellationToken::new();
        crate::retry::pause(network.disk(), &never).await.ok();
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
