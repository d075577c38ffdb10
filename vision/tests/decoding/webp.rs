//! `WebP` files of kinds that no available encoder writes. Their pixels are coded by zeros only, which is a valid
//! image.

/// A chunk of a lossy picture.
pub(crate) fn lossy(width: u32, height: u32) -> Vec<u8> {
    // Bits of the arithmetic coder for each block of 16x16: modes and "no coefficients", with a margin.
    let partition = (width.div_ceil(16) * height.div_ceil(16) * 16) as usize + 4096;
    // A key frame that is shown, and the length of its first partition.
    let tag = (1 << 4) | (u32::try_from(partition).unwrap() << 5);
    let sides = [(width as u16).to_le_bytes(), (height as u16).to_le_bytes()].concat();
    let coded = vec![0; 2 * partition];
    chunk(*b"VP8 ", &[&tag.to_le_bytes()[..3], &[0x9D, 0x01, 0x2A], &sides, &coded].concat())
}

/// A file of one chunk.
pub(crate) fn riff(chunks: &[u8]) -> Vec<u8> {
    [&b"RIFF"[..], &(4 + chunks.len() as u32).to_le_bytes(), b"WEBP", chunks].concat()
}

/// An image on a canvas of that size. transparency: its chunk, or nothing.
pub(crate) fn extended(canvas: (u32, u32), transparency: &[u8], picture: &[u8]) -> Vec<u8> {
    let flags = if transparency.is_empty() { 0 } else { 0x10 };
    riff(&[&header(canvas, flags), transparency, picture].concat())
}

/// An animation of one frame, which fills the canvas.
pub(crate) fn animation((width, height): (u32, u32), transparency: &[u8], picture: &[u8]) -> Vec<u8> {
    let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    let frame = [&[0; 6][..], &sides, &[0; 4], transparency, picture].concat();
    let chunks = [header((width, height), 0x12), chunk(*b"ANIM", &[0; 6]), chunk(*b"ANMF", &frame)];
    riff(&chunks.concat())
}

/// An image that is not animated, and a frame all the same, whose transparency the decoder would take for the image's.
pub(crate) fn hidden_frame(canvas: (u32, u32), picture: &[u8], transparency: &[u8]) -> Vec<u8> {
    let frame = chunk(*b"ANMF", &[&[0; 16], transparency, &lossy(1, 1)].concat());
    riff(&[&header(canvas, 0x10), picture, &frame].concat())
}

fn header((width, height): (u32, u32), flags: u8) -> Vec<u8> {
    let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    chunk(*b"VP8X", &[&[flags, 0, 0, 0][..], &sides].concat())
}

/// Uncompressed transparency.
pub(crate) fn transparency((width, height): (u32, u32)) -> Vec<u8> {
    chunk(*b"ALPH", &vec![0; 1 + (width * height) as usize])
}

pub(crate) fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len() % 2];
    [&kind[..], &(body.len() as u32).to_le_bytes(), body, &padding].concat()
}
