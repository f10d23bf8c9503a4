//! Why a file is no image, and how much memory it may take to find out.

/// The formats that are read, for messages.
pub(super) const FORMATS: &str = "PNG, JPEG, WebP, BMP, GIF, TIFF or PNM";

/// The endings of files that are looked into; what is in a file decides what it is.
pub(super) const ENDINGS: [&str; 16] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff", "pnm", "pbm", "pgm", "ppm", "apng",
];

/// Why bytes are not an image.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// They are in no format that is read.
    Unknown,
    /// They are, in a variant of it that is not.
    Unread(String),
    /// They are broken, in what way.
    Broken(String),
    /// They claim a size beyond what such a file may hold.
    Large(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Unknown => f.write_str("none of these"),
            Fault::Unread(what) => write!(f, "a variant that is not read: {what}"),
            Fault::Broken(what) | Fault::Large(what) => f.write_str(what),
        }
    }
}

/// How much memory a file may take to decode: 48 MiB and 24 times its own size, whatever it claims.
pub(super) struct Budget(usize);

impl Budget {
    pub fn of(bytes: &[u8]) -> Budget {
        Budget((48 << 20) + bytes.len().saturating_mul(24))
    }

    pub fn bytes(&self) -> usize {
        self.0
    }

    /// Refuses an image of `size` pixels (width and height) that takes `needed` bytes to decode.
    pub fn check(&self, needed: usize, [width, height]: [usize; 2]) -> Result<(), Fault> {
        if needed > self.0 {
            return Err(Fault::Large(format!("{width} x {height} pixels, more than a file of this size can hold")));
        }
        Ok(())
    }
}
