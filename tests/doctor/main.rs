//! `doctor` as a shell sees it, against a simulated Feishu that is switched to each failure.

mod command;
mod forwarding;
mod network;
mod probing;
mod run;
mod steps;
mod store_apps;
mod tls;
