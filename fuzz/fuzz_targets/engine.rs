//! libFuzzer on [`jettison_fuzz::targets::engine`], which says what it looks for.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jettison_fuzz::targets::engine::run(data));
