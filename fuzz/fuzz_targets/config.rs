//! Feeds random bytes to the checks of configurations.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_forward_gateway::fuzz::config(data));
