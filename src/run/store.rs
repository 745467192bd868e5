//! Run folders: files written whole and renamed into place.
