//! The cells of a segmentation map with a margin of background, so that every corner of a cell has four cells around
//! it.

use super::map::SegmentationMap;

/// Cells with the number of their region: 0 is background.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    width: usize,
    height: usize,
    /// Pixels of the picture along a cell's side.
    pixels_per_cell: u32,
    /// (width + 2) x (height + 2), rows from the top.
    cells: Vec<u8>,
}

impl Grid {
    pub(super) fn of(map: &SegmentationMap) -> Self {
        let mut grid = Self::blank(map.width() as usize, map.height() as usize, 1);
        for (y, row) in map.cells().chunks_exact(grid.width).enumerate() {
            let start = grid.index(0, y);
            grid.cells[start..start + row.len()].copy_from_slice(row);
        }
        grid
    }

    fn blank(width: usize, height: usize, pixels_per_cell: u32) -> Self {
        Self { width, height, pixels_per_cell, cells: vec![0; (width + 2) * (height + 2)] }
    }

    /// A grid with half as many columns and rows. A cell takes the most frequent region of its four; if tied, the
    /// first.
    pub(super) fn halved(&self) -> Self {
        let mut half = Self::blank(self.width.div_ceil(2), self.height.div_ceil(2), self.pixels_per_cell * 2);
        for y in 0..half.height {
            for x in 0..half.width {
                let first = self.index(2 * x, 2 * y);
                let below = first + self.stride();
                let four = [first, first + 1, below, below + 1].map(|index| self.cells[index]);
                let index = half.index(x, y);
                half.cells[index] = most_frequent(four);
            }
        }
        half
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn pixels_per_cell(&self) -> u32 {
        self.pixels_per_cell
    }

    /// Whether a corner of cells, counted from the left and top edge, is one of the map's four corners.
    pub(super) fn is_outermost(&self, x: usize, y: usize) -> bool {
        (x == 0 || x == self.width) && (y == 0 || y == self.height)
    }

    /// The distance from a cell to the one below it in [`Grid::cells`].
    pub(super) fn stride(&self) -> usize {
        self.width + 2
    }

    /// The index of a cell in [`Grid::cells`].
    pub(super) fn index(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride() + x + 1
    }

    /// All cells, including the margin.
    pub(super) fn cells(&self) -> &[u8] {
        &self.cells
    }

    pub(super) fn cells_mut(&mut self) -> &mut [u8] {
        &mut self.cells
    }
}

fn most_frequent(four: [u8; 4]) -> u8 {
    let likeness = |region: u8| four.map(|other| u8::from(other == region)).iter().sum::<u8>();
    four.into_iter().rev().max_by_key(|region| likeness(*region)).unwrap_or(0)
}
