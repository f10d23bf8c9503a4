//! Jupyter's protocol: the sockets, and what is answered on them.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_protocol::messaging::{
    CommClose, CommInfoReply, ExecutionState, HelpLink, HistoryReply, InputRequest, InterruptReply, IoPubWelcome,
    JupyterMessage, JupyterMessageContent, KernelInfoReply, LanguageInfo, ReplyStatus, ShutdownReply, Status,
};
use jupyter_protocol::ConnectionInfo;
use jupyter_zmq_client as zmq;
use serde_json::{json, Value};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use zeromq::{SocketRecv, SocketSend};

use super::connection;
use super::publish::Publisher;
use crate::process::processes;
use crate::session::evaluator::{self, Evaluator};
use crate::session::insight;
use crate::session::syntax;
use crate::workspace::home::{self, Settings, Work};

/// Runs the kernel until it is shut down.
///
/// # Errors
/// When the connection file cannot be read, its address cannot be bound, or nothing was prepared.
pub fn run(connection: &Path) -> Result<()> {
    let connection = connection::read(connection)?;
    // An interrupt comes as a message; the signal is for the terminal that the kernel was started in.
    // SAFETY: sets a signal to be ignored, while there is one thread.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    let home = home::home()?;
    let settings = Settings::read(&home);
    let work = Arc::new(Work::of_this_kernel(&home));
    if let Ok(settings) = &settings {
        insight::set_environment(&work, settings);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(serve(&connection, settings, &work, &home));
    work.remove();
    // A thread that is in the middle of a cell is not waited for.
    runtime.shutdown_background();
    done
}

/// Everything that an answer may need.
struct Kernel {
    evaluator: Arc<Evaluator>,
    publisher: Publisher,
    banner: String,
    shutdown: UnboundedSender<()>,
    answers: Mutex<Sender<String>>,
}

async fn serve(connection: &ConnectionInfo, settings: Result<Settings>, work: &Arc<Work>, home: &Path) -> Result<()> {
    let session = uuid::Uuid::new_v4().to_string();
    let bound = "the address in the connection file";
    let shell = zmq::create_kernel_shell_connection(connection, &session).await.context(bound)?;
    let control = zmq::create_kernel_control_connection(connection, &session).await.context(bound)?;
    let stdin = zmq::create_kernel_stdin_connection(connection, &session).await.context(bound)?;
    let iopub = zmq::create_kernel_iopub_xpub_connection(connection, &session).await.context(bound)?;
    let heartbeat = zmq::create_kernel_heartbeat_connection(connection).await.context(bound)?;

    let (publisher, published) = Publisher::new();
    tokio::spawn(send_published(iopub, published));
    publisher.publish(Status { execution_state: ExecutionState::Starting }, None);
    tokio::spawn(beat(heartbeat));

    let (shell_send, shell_read) = shell.split();
    let (control_send, control_read) = control.split();
    let (stdin_send, stdin_read) = stdin.split();
    let (shell_replies, control_replies) = (sender(shell_send), sender(control_send));
    let questions = sender(stdin_send);
    let (answers, answered) = std::sync::mpsc::channel();
    let (shutdown, mut down) = unbounded_channel();

    let ask = asker(questions, answered);
    let evaluator = Evaluator::new(publisher.clone(), shell_replies.clone(), ask);
    let kernel = Arc::new(Kernel {
        evaluator: Arc::clone(&evaluator),
        banner: banner(settings.as_ref().ok()),
        publisher,
        shutdown,
        answers: Mutex::new(answers),
    });
    tokio::spawn(listen(shell_read, shell_replies, Arc::clone(&kernel)));
    tokio::spawn(listen(control_read, control_replies, Arc::clone(&kernel)));
    // Answers to questions come on a socket of their own; there is nothing to reply.
    tokio::spawn(listen(stdin_read, unbounded_channel().0, Arc::clone(&kernel)));

    let (worker, worker_work, worker_home) = (Arc::clone(&evaluator), Arc::clone(work), home.to_owned());
    std::thread::Builder::new().name("cells".to_owned()).spawn(move || match settings {
        Ok(settings) => worker.work(&worker_work, &worker_home, settings),
        Err(error) => worker.refuse(&error),
    })?;

    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = down.recv() => {}
        _ = terminate.recv() => {}
        () = processes::orphaned() => {}
    }
    evaluator.supervisor.shut_down();
    // The last replies are on their way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// A task that sends what is put into its queue.
fn sender<S: SocketSend + Send + 'static>(mut connection: zmq::Connection<S>) -> UnboundedSender<JupyterMessage> {
    let (queue, mut queued) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            if let Err(error) = connection.send(message).await {
                // A client that has gone away does not miss its reply.
                eprintln!("reply: {error}");
            }
        }
    });
    queue
}

/// Sends what is published, and welcomes whoever subscribes: from then on it misses nothing.
async fn send_published(mut iopub: zmq::KernelIoPubXPubConnection, mut published: UnboundedReceiver<JupyterMessage>) {
    loop {
        let message = tokio::select! {
            biased;
            subscription = iopub.recv_subscription() => match subscription {
                Ok(zmq::SubscriptionEvent::Subscribe(topic)) => IoPubWelcome::new(topic).into(),
                Ok(zmq::SubscriptionEvent::Unsubscribe(_)) => continue,
                Err(error) => {
                    eprintln!("iopub: {error}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
            },
            message = published.recv() => match message {
                Some(message) => message,
                None => return,
            },
        };
        if let Err(error) = iopub.send(message).await {
            eprintln!("iopub: {error}");
        }
    }
}

/// Reads one message. Its signature must be right; what clients commonly leave out is filled in.
async fn read<S: SocketRecv>(connection: &mut zmq::Connection<S>) -> Result<JupyterMessage> {
    let raw = zmq::RawMessage::from_multipart(connection.socket.recv().await?, &connection.mac)?;
    let part = |at: usize| -> Result<Value> { Ok(serde_json::from_slice(&raw.jparts[at])?) };
    let mut content = part(3)?;
    let header = part(0)?;
    if header["msg_type"] == "history_request" {
        let defaults = json!({"session": 0, "start": 0, "stop": i32::MAX, "n": 0, "pattern": "*", "unique": false,
            "output": false, "raw": true});
        for (name, value) in defaults.as_object().into_iter().flatten() {
            if content[name].is_null() {
                content[name] = value.clone();
            }
        }
    }
    let parent_header = part(1)?;
    let message = json!({"header": header, "parent_header": parent_header, "metadata": part(2)?, "content": content,
        "buffers": [], "channel": null});
    let mut message = JupyterMessage::from_value(message)?;
    message.zmq_identities = raw.zmq_identities;
    Ok(message)
}

async fn beat(mut heartbeat: zmq::KernelHeartbeatConnection) {
    loop {
        match heartbeat.socket.recv().await {
            Ok(message) => {
                let _ = heartbeat.socket.send(message).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn asker(questions: UnboundedSender<JupyterMessage>, answers: Receiver<String>) -> evaluator::Ask {
    let answers = Mutex::new(answers);
    Box::new(move |parent, prompt, password, still_wanted| {
        let answers = answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // What was typed for a cell that was stopped is not for this one.
        while answers.try_recv().is_ok() {}
        let question = InputRequest { prompt: prompt.to_owned(), password };
        let _ = questions.send(JupyterMessage::new(question, Some(parent)));
        loop {
            match answers.recv_timeout(Duration::from_millis(100)) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) if still_wanted() => {}
                Err(_) => return None,
            }
        }
    })
}

async fn listen<S: SocketRecv + Send>(
    mut connection: zmq::Connection<S>,
    replies: UnboundedSender<JupyterMessage>,
    kernel: Arc<Kernel>,
) {
    loop {
        match read(&mut connection).await {
            Ok(message) => kernel.handle(message, &replies),
            // Unsigned, wrongly signed and malformed messages are refused.
            Err(error) => {
                eprintln!("refused a message: {error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

impl Kernel {
    fn handle(self: &Arc<Self>, message: JupyterMessage, replies: &UnboundedSender<JupyterMessage>) {
        use JupyterMessageContent as Content;
        match &message.content {
            // The evaluator answers when the cell's turn has come.
            Content::ExecuteRequest(request) => {
                let request = request.clone();
                return self.evaluator.submit(message, request);
            }
            Content::InputReply(reply) => {
                let answers = self.answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let _ = answers.send(reply.value.clone());
                return;
            }
            // rust-analyzer may take a while; nothing else waits for it.
            Content::CompleteRequest(_) | Content::InspectRequest(_) => {
                let (own, replies) = (Arc::clone(self), replies.clone());
                tokio::task::spawn_blocking(move || own.answer_slowly(&message, &replies));
                return;
            }
            _ => {}
        }
        self.publisher.busy(&message);
        if let Some(content) = self.answer(&message) {
            let _ = replies.send(JupyterMessage::new(content, Some(&message)));
        }
        self.publisher.idle(&message);
        if matches!(message.content, Content::ShutdownRequest(_)) {
            let _ = self.shutdown.send(());
        }
    }

    fn answer_slowly(&self, message: &JupyterMessage, replies: &UnboundedSender<JupyterMessage>) {
        let evaluator = &self.evaluator;
        self.publisher.busy(message);
        let content: JupyterMessageContent = match &message.content {
            JupyterMessageContent::CompleteRequest(request) => {
                evaluator.insight.complete(&request.code, request.cursor_pos).into()
            }
            JupyterMessageContent::InspectRequest(request) => {
                evaluator.insight.inspect(&request.code, request.cursor_pos).into()
            }
            _ => return,
        };
        let _ = replies.send(JupyterMessage::new(content, Some(message)));
        self.publisher.idle(message);
    }

    fn answer(&self, message: &JupyterMessage) -> Option<JupyterMessageContent> {
        use JupyterMessageContent as Content;
        Some(match &message.content {
            Content::KernelInfoRequest(_) => self.information().into(),
            Content::IsCompleteRequest(request) => syntax::is_complete(&request.code).into(),
            Content::HistoryRequest(request) => HistoryReply::new(self.evaluator.history.find(request)).into(),
            Content::CommInfoRequest(_) => {
                CommInfoReply { status: ReplyStatus::Ok, comms: Default::default(), error: None }.into()
            }
            // There are no comms here, and whoever opens one should know.
            Content::CommOpen(open) => {
                let close = CommClose { comm_id: open.comm_id.clone(), data: Default::default() };
                self.publisher.publish(close, Some(message));
                return None;
            }
            Content::InterruptRequest(_) => {
                self.evaluator.interrupt();
                InterruptReply { status: ReplyStatus::Ok, error: None }.into()
            }
            Content::ShutdownRequest(request) => {
                let reply = ShutdownReply { restart: request.restart, status: ReplyStatus::Ok, error: None };
                self.publisher.publish(reply.clone(), Some(message));
                reply.into()
            }
            _ => return None,
        })
    }

    fn information(&self) -> KernelInfoReply {
        let help = |text: &str, url: &str| HelpLink { text: text.to_owned(), url: url.to_owned() };
        KernelInfoReply {
            status: ReplyStatus::Ok,
            protocol_version: "5.3".to_owned(),
            implementation: "cutpoint-kernel".to_owned(),
            implementation_version: env!("CARGO_PKG_VERSION").to_owned(),
            language_info: LanguageInfo {
                name: "rust".to_owned(),
                version: "2024".to_owned(),
                mimetype: Some("text/rust".to_owned()),
                file_extension: Some(".rs".to_owned()),
                pygments_lexer: Some("rust".to_owned()),
                codemirror_mode: Some(zmq::CodeMirrorMode::Simple("rust".to_owned())),
                nbconvert_exporter: Some("script".to_owned()),
            },
            banner: self.banner.clone(),
            help_links: vec![
                help("The Rust Programming Language", "https://doc.rust-lang.org/book/"),
                help("Rust's standard library", "https://doc.rust-lang.org/std/"),
                help("evcxr", "https://github.com/evcxr/evcxr"),
            ],
            debugger: false,
            error: None,
        }
    }
}

/// What the kernel says of itself: versions, and the device that `Device::Auto` stands for.
fn banner(settings: Option<&Settings>) -> String {
    let own = format!("cutpoint {}: layer-freezing studies in Rust notebooks", env!("CARGO_PKG_VERSION"));
    let Some(settings) = settings else { return own };
    let rustc = settings.rustc_version.lines().next().unwrap_or_default();
    let has_gpu = Path::new("/dev/nvidia0").exists() && settings.libtorch.join("lib/libtorch_cuda.so").exists();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let device = if has_gpu { "the first GPU".to_owned() } else { format!("the CPU ({cores} cores)") };
    format!("{own}\n{rustc}; libtorch in {}; device: {device}", settings.libtorch.display())
}
