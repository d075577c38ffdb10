//! A progressive JPEG of many scans, written bit by bit: one colour, which each scan goes over anew.

/// A grey picture. Each scan but the first refines all coefficients of all blocks, of which a few dozen bytes say that none
/// changes.
pub(crate) fn many_scans((width, height): (u16, u16), scans: usize) -> Vec<u8> {
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let [w1, w0] = width.to_be_bytes();
    let [h1, h0] = height.to_be_bytes();
    let mut file = b"\xFF\xD8".to_vec();
    segment(&mut file, 0xDB, &[&[0][..], &[1; 64]].concat());
    segment(&mut file, 0xC2, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // A code of one bit for "no difference", and one for "this and 16,383 + n blocks more keep what they have".
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

/// So many blocks, all passed over: runs of 16,384 blocks and 14 bits' worth more. Only the last may be longer than what is
/// left.
fn runs(blocks: usize) -> Vec<u8> {
    // A bit of code and 14 bits for each run.
    let bits = blocks.div_ceil(1 << 14) * 15;
    vec![0; bits.div_ceil(8)]
}

fn segment(file: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    file.extend([&[0xFF, marker], &length[..], body].concat());
}
