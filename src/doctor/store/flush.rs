//! What is written to a folder is on its disk.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FsWord, statfs};

use super::StoreSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-flush",
    subject: Subject::Store,
    why: "a commit that was reported must survive a power cut: files and folders are flushed to the disk",
    look: Look::Store(look),
};

const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;
const OVERLAY: FsWord = 0x794c_7630;
const NFS: FsWord = 0x6969;

fn look(store: &StoreSide) -> Running<'_> {
    let verdict = match &store.folder {
        None => Verdict::skipped("object storage sees to it"),
        Some(folder) => judge(folder),
    };
    Box::pin(std::future::ready(verdict))
}

fn judge(folder: &Path) -> Verdict {
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        return Verdict::warning(
            format!("the folder {} cannot be flushed: {error}", folder.display()),
            "use a local file system (ext4, xfs, btrfs): a power cut may lose what was committed last",
        );
    }
    match statfs(folder).map(|stat| stat.f_type) {
        Ok(TMPFS | RAMFS) => Verdict::warning(
            format!("{} is in memory: it is gone when the machine restarts", folder.display()),
            "name a folder on a disk",
        ),
        Ok(OVERLAY) => Verdict::warning(
            format!("{} is in a container's own layer: it is gone with the container", folder.display()),
            "mount a volume there",
        ),
        Ok(NFS) => Verdict::warning(
            format!("{} is on NFS", folder.display()),
            "works where the server honours links and flushes; object storage is the safer place for many machines",
        ),
        Ok(_) => Verdict::fine("files and folders can be flushed"),
        Err(error) => Verdict::skipped(format!("the file system does not tell what it is: {error}")),
    }
}
