//! That the connection of a request is about to be closed; told by the listener, heard by the handlers of streams.

use http::Extensions;
use tokio::sync::watch;

/// The end of a connection.
#[derive(Clone, Debug, Default)]
pub struct Ending(Option<watch::Receiver<bool>>);

impl Ending {
    /// That of a connection that ends once the sender says true.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// That of the request's connection.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Waits until streams must end; for ever, if that is never said.
    pub async fn told(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.wait_for(|ending| *ending).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}
