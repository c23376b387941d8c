"""HDFS: a NameNode and a DataNode, with which `/` is hdfs:// as on an EMR cluster."""

from framework.local_emr.daemons import web
from framework.local_emr.daemons.daemon import HOST, Daemon, Layout, addresses

USER = "hadoop"  # whose home is /user/hadoop, as on EMR
NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
WEB = "dfs.namenode.http-address"
FOLDERS = {"/tmp": "1777", "/user/hadoop": "755", "/user/hive/warehouse": "1777", "/var/log/spark/apps": "1777"}


def shared(name_node: Daemon) -> dict[str, str]:
    """Return what the daemons and their clients are all told."""
    return {
        **name_node.settings,
        "fs.defaultFS": f"hdfs://{name_node.settings['dfs.namenode.rpc-address']}",
        # Where YARN has them without HDFS is a path of this machine.
        "yarn.app.mapreduce.am.staging-dir": "/tmp/hadoop-yarn/staging",
        "dfs.replication": "1",
        "dfs.permissions.enabled": "false",
        "dfs.namenode.safemode.extension": "0",
        "dfs.heartbeat.interval": "1",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    }


def name_node(layout: Layout) -> Daemon:
    """Return a NameNode on free ports."""
    return Daemon(
        "namenode",
        NAME_NODE,
        HOST,
        {
            **addresses(HOST, "dfs.namenode.rpc-address", WEB),
            "dfs.namenode.name.dir": f"file://{layout.own('namenode') / 'name'}",
        },
    )


def data_node(layout: Layout) -> Daemon:
    """Return a DataNode on free ports."""
    return Daemon(
        "datanode",
        "org.apache.hadoop.hdfs.server.datanode.DataNode",
        HOST,
        {
            **addresses(HOST, "dfs.datanode.address", "dfs.datanode.http.address", "dfs.datanode.ipc.address"),
            "dfs.datanode.hostname": HOST,
            "dfs.datanode.data.dir": f"file://{layout.own('datanode') / 'data'}",
            "hadoop.tmp.dir": str(layout.own("datanode") / "tmp"),
        },
    )


def is_formatted(layout: Layout) -> bool:
    """Say whether a NameNode has been here before: what it kept is still there."""
    return (layout.own("namenode") / "name" / "current" / "VERSION").is_file()


def make_web_folders(layout: Layout) -> None:
    """Make what the daemons look for on the class path and Maven's jars lack."""
    for name in ("hdfs", "datanode"):
        (layout.web / "webapps" / name).mkdir(parents=True, exist_ok=True)


def has_data_node(url: str) -> bool:
    """Say whether the NameNode of these pages takes files. It answers before it knows anything."""
    beans = f"{url}/jmx?qry=Hadoop:service=NameNode,name="
    try:
        names = web.ask(f"{beans}NameNodeInfo")["beans"]
        states = web.ask(f"{beans}FSNamesystemState")["beans"]
    except OSError:
        return False
    return bool(names and states and not names[0]["Safemode"] and states[0]["NumLiveDataNodes"])


def make_folders(url: str) -> None:
    """Make the folders that are there on every EMR cluster."""
    for path, permission in FOLDERS.items():
        web.ask(f"{url}/webhdfs/v1{path}?op=MKDIRS&permission={permission}&user.name={USER}", "PUT")
