//! Small volumes in memory, mounted for this program and its children alone, which run in a mount namespace.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

const FILLER: &str = "filler";

/// A mounted volume.
#[derive(Debug)]
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts a volume of this size.
    pub(crate) fn at(directory: PathBuf, mib: u32) -> Result<Self, String> {
        fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(&directory);
        match command.output() {
            Ok(output) if output.status.success() => Ok(Self(directory)),
            Ok(output) => Err(format!(
                "a volume cannot be mounted (run this block with `unshare -rm`): {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
            Err(error) => Err(format!("mount does not start: {error}")),
        }
    }

    /// Writes a file until there is no room left.
    pub(crate) fn fill(&self) -> Result<(), String> {
        let mut file = File::create(self.filler()).map_err(|error| format!("the volume cannot be filled: {error}"))?;
        for chunk in [1 << 20, 1 << 12] {
            while file.write_all(&vec![1; chunk]).is_ok() {}
        }
        Ok(())
    }

    /// Removes the file.
    pub(crate) fn empty(&self) -> Result<(), String> {
        fs::remove_file(self.filler()).map_err(|error| format!("the volume cannot be emptied: {error}"))
    }

    fn filler(&self) -> PathBuf {
        self.0.join(FILLER)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The namespace ends with the program in any case.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}
