//! Feeds random bytes to the checks of Feishu's answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_forward_gateway::fuzz::answer(data));
