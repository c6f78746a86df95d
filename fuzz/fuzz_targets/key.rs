//! Feeds random bytes to the checks of API keys, idempotency keys and `Prefer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| feishu_forward_gateway::fuzz::key(data));
