//! A short run of a target: every seed, then a fixed number of inputs made from them, always the same ones.
//!
//! The input under test is kept in a file while it is looked at, so that it is there after a panic, an overflown
//! stack or a killed hang. Two variables change a run: `JETTISON_FUZZ_INPUTS` (how many inputs), and
//! `JETTISON_FUZZ_FILE` (look at this file alone).

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::Target;
use crate::mutation::mutated;

/// Where the seeds are, a folder for each target.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");

/// Runs one target; `folder` keeps the input under test.
///
/// # Errors
/// If there are no seeds, or a file cannot be read or written.
///
/// # Panics
/// If the target finds something.
pub fn run(target: &Target, folder: &Path) -> io::Result<()> {
    let mut kept = Kept::new(target, folder)?;
    if let Some(file) = std::env::var_os("JETTISON_FUZZ_FILE") {
        return kept.look(&fs::read(file)?);
    }
    let seeds = seeds(target.name)?;
    for seed in &seeds {
        kept.look(seed)?;
    }
    let mut random = Rng::with_seed(0);
    for _ in 0..inputs(target)? {
        kept.look(&mutated(&seeds, &mut random))?;
    }
    Ok(())
}

/// The seeds of a target, ordered by name.
///
/// # Errors
/// If there are none, or they cannot be read.
pub fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(Path::new(SEEDS).join(target))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    if files.is_empty() {
        return Err(io::Error::other(format!("there are no seeds for {target}")));
    }
    files.iter().map(fs::read).collect()
}

fn inputs(target: &Target) -> io::Result<u32> {
    match std::env::var("JETTISON_FUZZ_INPUTS") {
        Ok(number) => number
            .parse()
            .map_err(|_| io::Error::other(format!("JETTISON_FUZZ_INPUTS is no number: {number}"))),
        Err(_) => Ok(target.inputs),
    }
}

/// The input under test, kept in a file until all is well.
struct Kept<'t> {
    target: &'t Target,
    path: PathBuf,
    file: fs::File,
}

impl<'t> Kept<'t> {
    fn new(target: &'t Target, folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("fuzz-{}-input", target.name));
        let file = fs::File::create(&path)?;
        Ok(Self { target, path, file })
    }

    fn look(&mut self, input: &[u8]) -> io::Result<()> {
        // Never emptied in between: some file systems then write it out to the disk each time.
        self.file.rewind()?;
        self.file.write_all(input)?;
        self.file.set_len(input.len() as u64)?;
        (self.target.run)(input);
        Ok(())
    }
}

impl Drop for Kept<'_> {
    #[expect(clippy::print_stderr, reason = "whoever sees the test fail has to know what to do")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "fuzz target {name} found something; the input is in {file}\n\
                 repeat it: JETTISON_FUZZ_FILE={file} cargo test -p jettison-fuzz --test short {name}\n\
                 once it is mended, the input becomes a seed in fuzz/seeds/{name}/",
                name = self.target.name,
                file = self.path.display(),
            );
        } else {
            // A file that stays behind is only in the way.
            drop(fs::remove_file(&self.path));
        }
    }
}
