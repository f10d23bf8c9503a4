//! Messages to all clients, in the order in which they are published, from whatever thread.

use jupyter_protocol::messaging::{JupyterMessage, JupyterMessageContent, Status};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// The sending end of the iopub channel.
#[derive(Clone)]
pub struct Publisher(UnboundedSender<JupyterMessage>);

impl Publisher {
    /// A publisher, and the queue that a task has to send from.
    pub fn new() -> (Publisher, UnboundedReceiver<JupyterMessage>) {
        let (sender, receiver) = unbounded_channel();
        (Publisher(sender), receiver)
    }

    /// Publishes one message that belongs to `parent`.
    pub fn publish(&self, content: impl Into<JupyterMessageContent>, parent: Option<&JupyterMessage>) {
        let message = JupyterMessage::new(content, parent).with_zmq_identities(vec![]);
        // Without a task that sends the kernel is on its way out.
        let _ = self.0.send(message);
    }

    /// Says that the kernel works for `parent`.
    pub fn busy(&self, parent: &JupyterMessage) {
        self.publish(Status::busy(), Some(parent));
    }

    /// Says that the work for `parent` is done.
    pub fn idle(&self, parent: &JupyterMessage) {
        self.publish(Status::idle(), Some(parent));
    }
}
