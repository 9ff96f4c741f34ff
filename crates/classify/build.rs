//! Turns the rule packs in `packs/` into static tables. A pack that breaks a rule of its own language fails the build.

#[path = "build/emit.rs"]
mod emit;
#[path = "build/phrase.rs"]
mod phrase;
#[path = "build/schema.rs"]
#[expect(dead_code, reason = "samples are for the tests")]
mod schema;

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=packs");
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let packs = schema::read(&Path::new(&root).join("packs"))?;
    let tables = emit::tables(&packs)?;
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("tables.rs"), tables)?;
    Ok(())
}
