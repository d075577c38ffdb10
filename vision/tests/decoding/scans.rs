//! A progressive JPEG with many scans, written bit by bit: one colour, which each scan refines again.

/// A grey image. Each scan except the first refines all coefficients of all blocks, with a few dozen bytes that say
/// that none changes.
pub(crate) fn many_scans((width, height): (u16, u16), scans: usize) -> Vec<u8> {
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let [w1, w0] = width.to_be_bytes();
    let [h1, h0] = height.to_be_bytes();
    let mut file = b"\xFF\xD8".to_vec();
    segment(&mut file, 0xDB, &[&[0][..], &[1; 64]].concat());
    segment(&mut file, 0xC2, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // A one-bit code for "no difference", and one for "this and 16,383 + n more blocks keep their values".
    segment(&mut file, 0xC4, &[&[0x00, 1][..], &[0; 15], &[0x00]].concat());
    segment(&mut file, 0xC4, &[&[0x10, 1][..], &[0; 15], &[0xE0]].concat());
    segment(&mut file, 0xDA, &[1, 1, 0x00, 0, 0, 0]);
    file.extend(vec![0; blocks.div_ceil(8)]);
    for _ in 1..scans {
        segment(&mut file, 0xDA, &[1, 1, 0x00, 1, 63, 0x10]);
        file.extend(runs(blocks));
    }
    file.extend(b"\xFF\xD9");
    file
}

/// That many blocks, all skipped: runs of 16,384 blocks plus a 14-bit count. Only the last run may be longer than the
/// remaining blocks.
fn runs(blocks: usize) -> Vec<u8> {
    // One bit of code and 14 bits for each run.
    let bits = blocks.div_ceil(1 << 14) * 15;
    vec![0; bits.div_ceil(8)]
}

fn segment(file: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    file.extend([&[0xFF, marker], &length[..], body].concat());
}
