//! Region colours that remain distinguishable with any kind of colour blindness.

/// The colour of the region with this index in the order of labels, as `#rrggbb`.
pub(super) fn of_region(index: usize) -> &'static str {
    PALETTE[index % PALETTE.len()]
}

/// The eight colours of Okabe and Ito, 2008, followed by colours that were chosen one by one to be as far as possible
/// from all previous ones, with normal vision or without one of the three cone types (Machado et al. 2009, distance in
/// CIE Lab). Any two of the first 20 are at least 16 apart for every observer, any two of all at least 8.9; 2.3 is just
/// noticeable.
#[rustfmt::skip]
const PALETTE: [&str; 64] = [
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#000000",
    "#8700f0", "#5a2d00", "#c3ffa5", "#3c0f96", "#5a4b5a", "#00ffd2", "#9678ff", "#96b45a",
    "#a54b3c", "#780078", "#5a4bc3", "#87f069", "#d2d2f0", "#78002d", "#ffb4a5", "#ff4b78",
    "#875a87", "#b42d00", "#c3a5a5", "#7896f0", "#874bf0", "#a5783c", "#874b4b", "#b41ea5",
    "#e1ff0f", "#3c2d4b", "#a587c3", "#00d21e", "#96962d", "#96b4d2", "#5a00c3", "#004b87",
    "#1e3c2d", "#b40f69", "#b4d287", "#c3b4c3", "#69d2ff", "#1e692d", "#e1f0ff", "#c35ad2",
    "#87785a", "#870069", "#69d24b", "#960f1e", "#0000ff", "#a569a5", "#692da5", "#5a9687",
    "#ffd2c3", "#d2e187", "#b44be1", "#69b487", "#0f00d2", "#00e1a5", "#693cd2", "#4b1e87",
];
