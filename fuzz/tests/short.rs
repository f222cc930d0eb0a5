//! Every fuzz target, for a fixed number of inputs. Longer runs: `cargo xtask fuzz`.

use std::io;
use std::path::Path;

use jettison_fuzz::targets::ALL;
use jettison_fuzz::{Target, short};

fn run(name: &str) -> io::Result<()> {
    let unknown = || io::Error::other(format!("there is no target {name}"));
    let target = ALL.iter().find(|target| target.name == name).ok_or_else(unknown)?;
    short::run(target, Path::new(env!("CARGO_TARGET_TMPDIR")))
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() -> io::Result<()> {
                run(stringify!($name))
            }
        )*

        #[test]
        fn every_target_is_run() {
            let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! { challenge cluster compose engine facts helm login manifest pages plan policy reference repository usage }

#[test]
fn an_input_that_fails_is_kept_and_one_that_does_not_is_not() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept");
    let kept = folder.join("fuzz-login-input");
    let run = |run: fn(&[u8])| {
        let target = Target {
            name: "login",
            run,
            inputs: 10,
        };
        std::panic::catch_unwind(|| short::run(&target, &folder))
    };
    assert!(run(|input| assert!(!input.starts_with(b"{"), "a login file")).is_err());
    assert!(std::fs::read(&kept).unwrap().starts_with(b"{"));
    assert!(run(|_| {}).unwrap().is_ok());
    assert!(!kept.exists());
}

#[test]
fn a_target_without_seeds_is_not_run() {
    let target = Target {
        name: "nothing",
        run: |_| {},
        inputs: 0,
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-seeds");
    assert!(short::run(&target, &folder).is_err());
}
