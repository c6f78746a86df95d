//! Feeds random bytes to the checks of the tools' arguments.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_forward_gateway::fuzz::tool(data));
