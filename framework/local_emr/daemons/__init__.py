"""Hadoop's own daemons on this machine: YARN, and HDFS if it is asked for."""
