//! FaceQL.
