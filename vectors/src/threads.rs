//! One BLAS and OpenMP thread inside every Faiss call, so that results do not depend on the number of threads.
//!
//! Owns: the two switches. Parallelism comes from running several jobs, each in its own process. OpenMP's number is a
//! setting of the calling thread, so it is set again before each call. OpenBLAS keeps threads of its own and splits a
//! product among them by their number; where that library is the BLAS in use it is told once. Other BLAS libraries are
//! held to one thread by OpenMP or by their environment variables.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

/// Threads that a search uses, on every machine and for every codec.
pub const SEARCH_THREADS: u32 = 1;

unsafe extern "C" {
    /// OpenMP 2.0 and later, in libgomp, which Faiss links.
    fn omp_set_num_threads(threads: c_int);
    /// POSIX.
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Sets both to one thread for Faiss calls of the calling thread.
pub(crate) fn use_one() {
    // SAFETY: takes a plain number and changes a setting of this thread.
    unsafe { omp_set_num_threads(1) };
    static TOLD: OnceLock<()> = OnceLock::new();
    TOLD.get_or_init(|| {
        if let Some(function) = symbol(c"openblas_set_num_threads") {
            // SAFETY: OpenBLAS declares `void openblas_set_num_threads(int)`.
            let set: extern "C" fn(c_int) = unsafe { std::mem::transmute(function) };
            set(1);
        }
    });
}

/// The BLAS in use, as far as it says: for OpenBLAS its version and the CPU family whose kernels it chose.
pub(crate) fn blas_name() -> String {
    let text = |name| {
        let function = symbol(name)?;
        // SAFETY: OpenBLAS declares both as `char *f(void)` and returns a string that lives as long as the process.
        let get: extern "C" fn() -> *const c_char = unsafe { std::mem::transmute(function) };
        let text = get();
        // SAFETY: see above; null is excluded.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    match (text(c"openblas_get_config"), text(c"openblas_get_corename")) {
        // The configuration begins with "OpenBLAS 0.3.21 …".
        (Some(config), Some(core)) => {
            let version = config.split_whitespace().nth(1).unwrap_or("unknown");
            format!("openblas-{version} {core}")
        }
        _ => "blas".to_owned(),
    }
}

/// The address of a function in what this process has loaded, where it is there.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a null library is RTLD_DEFAULT, the name ends in 0; the address is only compared with null here.
    let address = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn omp_get_max_threads() -> c_int;
    }

    #[test]
    fn both_libraries_are_held_to_one_thread() {
        // SAFETY: plain numbers, settings of this thread.
        unsafe { omp_set_num_threads(3) };
        use_one();
        // SAFETY: as above.
        assert_eq!(unsafe { omp_get_max_threads() }, 1);
        match symbol(c"openblas_get_num_threads") {
            Some(function) => {
                // SAFETY: OpenBLAS declares `int openblas_get_num_threads(void)`.
                let get: extern "C" fn() -> c_int = unsafe { std::mem::transmute(function) };
                assert_eq!(get(), 1);
                assert!(blas_name().starts_with("openblas-0."), "{}", blas_name());
            }
            None => assert_eq!(blas_name(), "blas"),
        }
    }
}
