//! Jupyter's protocol: sockets, requests and their answers, and what cells show.

pub mod blocks;
pub mod output;
pub mod publish;
pub mod server;
