//! A secret that has gone is nowhere in this process's memory any more.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
};

use standin_core::Secret;

/// The secret is only ever spelled out in the value under test: here, and while looking for it, it stands masked.
const MASK: u8 = 0x5a;
const MASKED: [u8; 32] = {
    let mut masked = *b"wipe-me-0123456789-abcdefgh-zyxw";
    let mut at = 0;
    while at < masked.len() {
        masked[at] ^= MASK;
        at += 1;
    }
    masked
};

/// How often the secret stands in memory that this process may write to.
fn copies() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        memory.seek(SeekFrom::Start(start)).unwrap();
        if memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        let is_here = |window: &[u8]| window.iter().zip(MASKED).all(|(byte, masked)| byte ^ MASK == masked);
        found += bytes.windows(MASKED.len()).filter(|window| is_here(window)).count();
        // What was read is a copy, too; the next region must not find it.
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    found
}

#[test]
fn k11_a_secret_that_is_dropped_is_wiped_with_all_its_clones() {
    let plain: String = MASKED.iter().map(|byte| char::from(byte ^ MASK)).collect();
    let secret = Secret::new(plain);
    let clone = secret.clone();
    assert!(copies() >= 2, "the search finds what is there");
    drop(secret);
    assert!(copies() >= 1, "the clone is still there");
    drop(clone);
    assert_eq!(copies(), 0, "a copy is left");
}
