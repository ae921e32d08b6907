/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service's face on the bus: methods and properties as
 * introspection/org.mtrpacket.MtrPacket1.xml has them. Arguments are read and checked here, answers
 * are written here; who may and when it happens is decided below.
 */

#include <systemd/sd-bus.h>

#include "manager.h"

/**
 * bus_api_export() - add the object to the manager's bus
 * @manager: borrowed for as long as the slot lives
 * @ret_slot: the object's life
 *
 * Return: 0 or a negative errno.
 */
int bus_api_export(Manager *manager, sd_bus_slot **ret_slot);

/** bus_api_packet_changed() - tell the bus that PacketVersion and Features have changed */
void bus_api_packet_changed(Manager *manager);
