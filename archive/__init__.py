"""The archive: millions of pictures on one machine or many, by Ray Data, into a data set of Parquet files."""
