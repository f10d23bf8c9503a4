//! The chunks of a WebP file: whether they are all there, and how large the frames in them are.
//!
//! A frame says its own size, whatever the file's header says, and memory is taken for it. Source: RFC 9649.

use super::fault::{Budget, Fault};

/// Refuses a file that is cut off, and one whose frames take more memory than it may.
pub(super) fn check(bytes: &[u8], budget: &Budget) -> Result<(), Fault> {
    let cut_off = || Fault::Broken("a file that is cut off".to_owned());
    let long = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    let end = long(4).and_then(|size| size.checked_add(8)).filter(|&end| end <= bytes.len()).ok_or_else(cut_off)?;
    let mut at = 12;
    while at + 8 <= end {
        let size = long(at + 4).ok_or_else(cut_off)?;
        let next = (at + 8).checked_add(size).filter(|&next| next <= end).ok_or_else(cut_off)?;
        match &bytes[at..at + 4] {
            // A frame of an animation: sixteen bytes of its own, then chunks.
            b"ANMF" if size >= 16 => {
                let side = |at: usize| long(at).map_or(0, |v| (v & 0xff_ffff) + 1);
                admit(side(at + 14), side(at + 17), budget)?;
                at += 24;
                continue;
            }
            b"VP8 " => {
                let side =
                    |at: usize| bytes.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
                admit(side(at + 14) & 0x3fff, side(at + 16) & 0x3fff, budget)?;
            }
            b"VP8L" => {
                let sides = long(at + 9).unwrap_or(0);
                admit((sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1, budget)?;
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = next + size % 2;
    }
    Ok(())
}

/// A frame takes its planes, its colours, and those of the whole image once more.
fn admit(width: usize, height: usize, budget: &Budget) -> Result<(), Fault> {
    budget.check(width.saturating_mul(height).saturating_mul(10), [width, height])
}
