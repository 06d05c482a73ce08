//! Whether the system was asked for large pages, seen from outside.
#![cfg(target_os = "linux")]

use kobai_kernels::memory::Memory;

/// Only where the system says that it gives them at all.
#[test]
fn the_system_backs_it_with_large_pages() {
    let given = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if !given.is_ok_and(|text| text.contains("[madvise]") || text.contains("[always]")) {
        return eprintln!("skipped: this system gives no large pages");
    }
    let mut memory = Memory::<f32>::zeroed(8 << 20);
    memory.fill(1.0);
    let at = memory.as_ptr() as usize;
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    if !maps.contains("VmFlags:") {
        return eprintln!("skipped: this system does not say which pages were asked for");
    }
    // The mapping that contains it, and whether it asked: flag `hg`.
    let mut inside = false;
    let mut asked = false;
    for line in maps.lines() {
        if let Some((from, rest)) = line.split_once('-')
            && let (Ok(from), Some((to, _))) = (usize::from_str_radix(from, 16), rest.split_once(' '))
            && let Ok(to) = usize::from_str_radix(to, 16)
        {
            inside = (from..to).contains(&at);
        }
        asked |= inside && line.starts_with("VmFlags:") && line.contains(" hg");
    }
    assert!(asked, "no mapping with the flag `hg` at {at:#x}");
}
