//! libFuzzer on [`jettison_fuzz::targets::compose`], which says what it looks for.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jettison_fuzz::targets::compose::run(data));
