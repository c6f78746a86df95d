//! Feeds random bytes to the checks of the requests that Feishu pushes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_forward_gateway::fuzz::event(data));
